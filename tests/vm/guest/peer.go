// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// A peer is a server that counts what it receives and sends.
type peer struct {
	role           string
	listener       net.Listener
	received, sent atomic.Int64
	busy           sync.WaitGroup // connections
}

// A serving function has the connection to itself; it is closed when that returns.
type serving func(p *peer, c *net.TCPConn)

func startPeer(role, address string, serve serving) (*peer, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	p := &peer{role: role, listener: listener}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			p.busy.Add(1)
			go func() {
				defer p.busy.Done()
				defer c.Close()
				serve(p, c.(*net.TCPConn))
			}()
		}
	}()
	return p, nil
}

func (p *peer) address() string { return p.listener.Addr().String() }

func (p *peer) port() int { return p.listener.Addr().(*net.TCPAddr).Port }

func (p *peer) write(c net.Conn, bytes int) error {
	n, err := c.Write(make([]byte, bytes))
	p.sent.Add(int64(n))
	return err
}

// read reads once; false at the end.
func (p *peer) read(c net.Conn, buffer []byte) (int, bool) {
	n, err := c.Read(buffer)
	p.received.Add(int64(n))
	return n, err == nil
}

func sink(p *peer, c *net.TCPConn) {
	n, _ := io.Copy(io.Discard, c)
	p.received.Add(n)
}

func echo(p *peer, c *net.TCPConn) {
	buffer := make([]byte, 65536)
	for {
		n, more := p.read(c, buffer)
		if n > 0 && p.write(c, n) != nil || !more {
			return
		}
	}
}

// sourceOf sends so many bytes when it was sent one.
func sourceOf(bytes int) serving {
	return func(p *peer, c *net.TCPConn) {
		if n, _ := p.read(c, make([]byte, 1)); n == 1 {
			p.write(c, bytes)
		}
		sink(p, c)
	}
}

// atTheEnd sends so many bytes when the other side has ended its own.
func atTheEnd(bytes int) serving {
	return func(p *peer, c *net.TCPConn) {
		sink(p, c)
		p.write(c, bytes)
	}
}
