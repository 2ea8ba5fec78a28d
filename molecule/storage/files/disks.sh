#!/bin/sh
# Four filesystems besides the root.
set -eu
export LVM_SUPPRESS_FD_WARNINGS=1

# XFS: the partition has grown, its physical volume has not.
printf 'label: gpt\ntype=E6D6D379-F507-44C2-A23C-238F2A3DF928\n' | sfdisk --quiet /dev/vdb
pvcreate --quiet --setphysicalvolumesize 1g /dev/vdb1
vgcreate --quiet data /dev/vdb1
lvcreate --quiet --yes --extents 100%FREE --name models data
mkfs.xfs -q /dev/data/models

# A group on a RAID 1 whose physical volume is smaller than the array. Of one volume the filesystem has not grown, of the other neither has.
mdadm --create /dev/md0 --quiet --run --level=1 --raid-devices=2 --metadata=1.2 --assume-clean /dev/vdc /dev/vdd
pvcreate --quiet --setphysicalvolumesize 384m /dev/md0
vgcreate --quiet vg0 /dev/md0
lvcreate --quiet --yes --size 128m --name half vg0
mkfs.ext4 -q /dev/vg0/half 64m
lvcreate --quiet --yes --size 128m --name models vg0
mkfs.ext4 -q /dev/vg0/models

# An encrypted filesystem, cheap to open.
printf secret | cryptsetup --batch-mode luksFormat --type luks1 --iter-time 1 /dev/vde -
printf secret | cryptsetup open --key-file - /dev/vde secret
mkfs.ext4 -q /dev/mapper/secret 32m

mkdir -p /srv/xfs /srv/half /srv/raid /srv/luks
mount /dev/data/models /srv/xfs
mount /dev/vg0/half /srv/half
mount /dev/vg0/models /srv/raid
mount /dev/mapper/secret /srv/luks

# The package lists came with the image and its packages with them, so they are as new as they need be.
mkdir -p /var/lib/apt/periodic
touch /var/lib/apt/periodic/update-success-stamp /var/lib/apt/lists
