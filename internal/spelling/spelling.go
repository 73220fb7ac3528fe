// Package spelling finds the name that somebody meant who mistyped one. Messages about fields, annotations and policies share it, so
// that all of them guess alike.
package spelling

import (
	"fmt"
	"strings"
)

// maxSuggestedBytes is the longest name that gets a suggestion: the distance takes quadratic time, and names are hostile.
const maxSuggestedBytes = 128

// Nearest returns the candidate that is the fewest edits away from a mistyped name: at most a third of its length, or one.
// Of equals it is the first.
func Nearest(name string, candidates []string) (string, bool) {
	if len(name) > maxSuggestedBytes {
		return "", false
	}
	best, found := "", false
	limit := max(1, len(name)/3)
	for _, candidate := range candidates {
		// Lengths that differ by more than the limit need no distance.
		if abs(len(candidate)-len(name)) > limit {
			continue
		}
		if distance := editDistance(name, candidate); distance <= limit {
			best, found = candidate, true
			limit = distance - 1
		}
	}
	return best, found
}

// editDistance is the Damerau-Levenshtein distance (optimal string alignment) of two names, in bytes: a swap of neighbors
// counts as one edit, since it is the most frequent mistake.
func editDistance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	before, last, row := rows[0], rows[1], rows[2]
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// maxListed is how many names Hint lists: more than fit on a line help nobody.
const maxListed = 10

// Hint is what to say beside an unknown name: the one that is meant, or those that there are, which must be sorted. It is empty
// where there are none.
func Hint(name string, candidates []string) string {
	if near, ok := Nearest(name, candidates); ok {
		return "did you mean " + near + "?"
	}
	switch more := len(candidates) - maxListed; {
	case len(candidates) == 0:
		return ""
	case more > 0:
		return fmt.Sprintf("there are %s and %d more", strings.Join(candidates[:maxListed], ", "), more)
	case len(candidates) == 1:
		return "there is " + candidates[0]
	default:
		return "there are " + strings.Join(candidates, ", ")
	}
}
