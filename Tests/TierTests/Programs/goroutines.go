// Goroutines that call, talk over TCP and start programs, on threads and stacks of Go's own making.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

const rounds = 300

func report(channel, count int) {
	file, err := os.OpenFile(os.Getenv("REPORT"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0666)
	if err != nil {
		return
	}
	fmt.Fprintf(file, "* mark/%d %d %d\n", channel, count, count)
	file.Close()
}

func caller(channel int) {
	for i := 0; i < rounds; i++ {
		if _, err := syscall.Getpgid(0x40000000 | channel<<18 | i); err != syscall.ESRCH {
			fmt.Println("getpgid:", err)
		}
	}
	report(channel, rounds)
}

func serve(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() { io.Copy(connection, connection); connection.Close() }()
	}
}

func talk(address string, number int) {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer connection.Close()
	sent, back := make([]byte, 9000), make([]byte, 9000)
	for i := range sent {
		sent[i] = byte(i * number)
	}
	for i := 0; i < 10; i++ {
		go connection.Write(sent)
		if _, err := io.ReadFull(connection, back); err != nil || string(back) != string(sent) {
			fmt.Println("echo differs", err)
		}
	}
}

func main() {
	if len(os.Args) > 1 {
		os.Exit(7)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go serve(listener)
	var all sync.WaitGroup
	for i := 1; i <= 8; i++ {
		all.Add(3)
		go func(i int) { caller(i); all.Done() }(i)
		go func(i int) { talk(listener.Addr().String(), i); all.Done() }(i)
		go func() {
			command := exec.Command(os.Args[0], "child")
			command.Run()
			if command.ProcessState == nil || command.ProcessState.ExitCode() != 7 {
				fmt.Println("child:", command.ProcessState)
			}
			all.Done()
		}()
	}
	all.Wait()
	fmt.Println("goroutines")
}
