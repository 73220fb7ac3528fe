//go:build !linux

package main

import "syscall"

// childAttributes puts the program into a process group of its own, out of reach of the terminal.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
