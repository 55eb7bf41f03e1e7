//go:build !race

package tieline

const raceEnabled = false
