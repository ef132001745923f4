"""The service beside the kernel's own NFS client and server, inside a virtual machine."""
