"""Lesion generators, one file each: `datasets.lesions.generator` says what one is and how to add one."""
