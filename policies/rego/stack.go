package rego

// reservedStack is the stack that an evaluation starts with. OPA's interpreter recurses with each expression; realistic
// guardrails need 16 to 64 KiB, and a goroutine that begins with Go's 8 KiB or less spends as much time on copying its stack
// step by step as on the evaluation.
const reservedStack = 56 << 10

// growStack makes the stack of the calling goroutine grow once, to 64 KiB, while there is next to nothing on it to copy. It
// costs the time to clear as much memory.
//
//go:noinline
func growStack(at int) byte {
	var reserved [reservedStack]byte
	reserved[at] = 1
	return reserved[at/2]
}
