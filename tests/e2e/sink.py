"""A QT that only says yes, fast: serves the listening socket that is its standard input."""

import socket
import threading

import qt


def serve(conn, answer):
    buffer = b""
    while True:
        head, blank, rest = buffer.partition(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].split(b"\r")[0]) if blank else 0
        if blank and len(rest) >= size:
            buffer = rest[size:]
            conn.sendall(answer)
        elif more := conn.recv(65536):
            buffer += more
        else:
            return


def main():
    listener = socket.socket(fileno=0)
    answer = qt.http(200, qt.answer_of(200))
    while True:
        conn = listener.accept()[0]
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(conn, answer), daemon=True).start()


if __name__ == "__main__":
    main()
