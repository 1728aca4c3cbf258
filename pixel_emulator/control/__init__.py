"""Door: HTTP control API over the sessions of an emulator, for programs in any language."""
