"""One module a virtual machine."""
