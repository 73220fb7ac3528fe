//go:build race

package rego_test

// raceDetector says that the race detector is at work, under which a sync.Pool forgets what it holds now and then.
const raceDetector = true
