"""``make image-check``: runs the steps of deploy/Dockerfile in folders, and the processor from what they make.

There is no Docker where this project is built. So the base image is imitated by Debian with its own Python
(debootstrap), each step runs in it by chroot, and the result is mounted read-only and run as the image's user. Needs
root, and Debian's ``debootstrap``. It says nothing of the real base image and its digest, nor of other architectures.
"""
