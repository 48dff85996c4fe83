"""asyncio TCP and unix echo, thread pool, subprocess, signals, timers, memory maps, temporary files."""
import asyncio
import concurrent.futures
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading


async def echo_server(reader, writer):
    while data := await reader.readline():
        writer.write(data.upper())
        await writer.drain()
    writer.close()


async def client(open_connection, count):
    reader, writer = await open_connection()
    done = 0
    for number in range(count):
        writer.write(b"line %d\n" % number)
        await writer.drain()
        assert await reader.readline() == b"LINE %d\n" % number
        done += 1
    writer.close()
    await writer.wait_closed()
    return done


async def main():
    loop = asyncio.get_running_loop()
    seen = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, seen.set)
    tcp = await asyncio.start_server(echo_server, "127.0.0.1", 0)
    port = tcp.sockets[0].getsockname()[1]
    unix = await asyncio.start_unix_server(echo_server, "echo.sock")
    counts = await asyncio.gather(
        client(lambda: asyncio.open_connection("127.0.0.1", port), 10),
        client(lambda: asyncio.open_unix_connection("echo.sock"), 10),
    )
    print("echoed", sum(counts))
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.wait_for(seen.wait(), 5)
    print("signal seen")
    process = await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", "print(6*7)", stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    print("child", out.decode().strip())
    tcp.close()
    unix.close()
    await asyncio.sleep(0.02)


total = 0
lock = threading.Lock()


def work(count):
    global total
    for _ in range(count):
        with lock:
            total += 1


with concurrent.futures.ThreadPoolExecutor(4) as pool:
    for _ in range(4):
        pool.submit(work, 1000)
print("threads", total)
asyncio.run(main())
left, right = socket.socketpair()
left.sendall(b"pair")
print(right.recv(10).decode())
with tempfile.NamedTemporaryFile() as file:
    file.write(b"x" * 8192)
    file.flush()
    with mmap.mmap(file.fileno(), 0) as view:
        view[0:4] = b"mmap"
        print(view[:6].decode())
