/*
 * Copyright: (c) 2026, inferhost contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * STAND-IN for NVIDIA's kernel module: no card is driven. It has the real one's name, licence and version, and shows /proc/driver/nvidia/version in the words of
 * its flavour. With card=ADDRESS it shows that card below /proc/driver/nvidia/gpus. With open_only=1 the card is one that needs the open module: the closed
 * flavour then loads, and says in the kernel's log what the real one says.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#define OPEN_LICENCE "Dual MIT/GPL"

static char *card = "";
module_param(card, charp, 0444);
MODULE_PARM_DESC(card, "PCI address of a card to show");

static bool open_only;
module_param(open_only, bool, 0444);
MODULE_PARM_DESC(open_only, "the card needs the open module");

static bool refused(void)
{
	return open_only && strcmp(STANDIN_LICENCE, OPEN_LICENCE);
}

static int version_show(struct seq_file *file, void *data)
{
	seq_printf(file, "NVRM version: %s  " STANDIN_VERSION "  stand-in\n", STANDIN_WORDS);
	seq_puts(file, "GCC version:  stand-in\n");
	return 0;
}

static int information_show(struct seq_file *file, void *data)
{
	seq_printf(file, "Model: \t\t stand-in\nBus Location: \t %s\nDevice Minor: \t 0\n", card);
	seq_printf(file, "GPU Firmware: \t %s\nGPU Excluded:\t No\n", refused() ? "N/A" : STANDIN_VERSION);
	return 0;
}

static struct proc_dir_entry *folder;

static bool show_card(void)
{
	struct proc_dir_entry *cards = proc_mkdir("gpus", folder);
	struct proc_dir_entry *one = cards ? proc_mkdir(card, cards) : NULL;

	return one && proc_create_single("information", 0444, one, information_show);
}

static int __init standin_init(void)
{
	folder = proc_mkdir("driver/nvidia", NULL);
	if (!folder)
		return -ENOMEM;
	if (!proc_create_single("version", 0444, folder, version_show) || (*card && !show_card())) {
		proc_remove(folder);
		return -ENOMEM;
	}
	if (*card && refused()) {
		pr_err("NVRM: The NVIDIA GPU %s (PCI ID: 10de:2bb1)\nNVRM: installed in this system requires use of the NVIDIA open kernel modules.\n", card);
		pr_err("NVRM: GPU %s: RmInitAdapter failed! (0x22:0x56:884)\n", card);
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
