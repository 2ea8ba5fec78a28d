/*
 * Copyright: (c) 2026, inferhost contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * STAND-IN for NVIDIA's kernel module: no card is driven. It has the real one's name, licence and version, shows /proc/driver/nvidia/version in the words of
 * its flavour, and with refuse=ADDRESS says in the kernel's log what the closed module says of a Blackwell card.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

static char *refuse = "";
module_param(refuse, charp, 0444);
MODULE_PARM_DESC(refuse, "PCI address of a card to refuse");

static int version_show(struct seq_file *file, void *data)
{
	seq_printf(file, "NVRM version: %s  " STANDIN_VERSION "  stand-in\n", STANDIN_WORDS);
	seq_puts(file, "GCC version:  stand-in\n");
	return 0;
}

static struct proc_dir_entry *folder;

static int __init standin_init(void)
{
	folder = proc_mkdir("driver/nvidia", NULL);
	if (!folder || !proc_create_single("version", 0444, folder, version_show))
		return -ENOMEM;
	if (*refuse) {
		pr_err("NVRM: The NVIDIA GPU %s (PCI ID: 10de:2bb1)\nNVRM: installed in this system requires use of the NVIDIA open kernel modules.\n", refuse);
		pr_err("NVRM: GPU %s: RmInitAdapter failed! (0x22:0x56:884)\n", refuse);
	}
	return 0;
}

static void __exit standin_exit(void)
{
	proc_remove(folder);
}

module_init(standin_init);
module_exit(standin_exit);
MODULE_VERSION(STANDIN_VERSION);
MODULE_LICENSE(STANDIN_LICENCE);
MODULE_DESCRIPTION("Stand-in for NVIDIA's module, made for a test");
