"""The door for programs in any language: a control API over the sessions of an emulator."""
