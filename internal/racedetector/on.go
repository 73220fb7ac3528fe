//go:build race

package racedetector

// Enabled says that the race detector is at work.
const Enabled = true
