package main

import "syscall"

// childAttributes puts the program into a process group of its own, out of reach of the terminal,
// and has the kernel kill it should reaper itself be killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
