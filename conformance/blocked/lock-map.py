"""A process that locks its memory map until a file system answers.

It takes away a mapping of a file, which is written back first, while the lock is held for writing (mmap(2), MAP_FIXED).
Another thread starts a program meanwhile, which waits for that lock in the middle of its execve(2). Python, for threads of
Node.js want the lock themselves.
"""

import ctypes
import mmap
import subprocess
import sys
import threading
import time

SIZE = 4096
MAP_FIXED = 0x10
READ_WRITE = mmap.PROT_READ | mmap.PROT_WRITE

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
]


def start_program():
    time.sleep(0.5)
    subprocess.Popen(["/bin/sleep", "1000"])


with open(sys.argv[1], "r+b") as file:
    address = libc.mmap(None, SIZE, READ_WRITE, mmap.MAP_SHARED, file.fileno(), 0)
ctypes.memset(address, 1, 1)
# What it needs is loaded then.
subprocess.Popen(["/bin/true"]).wait()
threading.Thread(target=start_program).start()
private = MAP_FIXED | mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
threading.Thread(target=lambda: libc.mmap(address, SIZE, READ_WRITE, private, -1, 0)).start()
time.sleep(1000)
