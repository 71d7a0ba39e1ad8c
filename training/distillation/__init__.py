"""Sequence-level distillation: a student trains on its teachers' outputs (Kim and Rush 2016)."""
