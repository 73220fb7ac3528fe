// Package racedetector says whether the race detector is at work, for tests that count allocations: under it a sync.Pool forgets
// what it holds now and then.
package racedetector
