package labeling

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// MakeValue makes a text a valid label value: what is illegal becomes "-", runs of which become one, and the ends are
// trimmed to a letter or digit within 63 characters. Case is kept. A text without any legal character yields "".
//
// "Team Payments <pay@example.com>" becomes Team-Payments-pay-example.com. A valid value stays as it is.
func MakeValue(text string) string {
	if len(validation.IsValidLabelValue(text)) == 0 {
		return text
	}
	var b strings.Builder
	replaced := false
	for i := 0; i < len(text) && b.Len() < validation.LabelValueMaxLength; i++ {
		c := text[i]
		switch {
		case alphanumeric(c), b.Len() > 0 && (c == '-' || c == '_' || c == '.'):
			b.WriteByte(c)
			replaced = c == '-'
		case b.Len() > 0 && !replaced:
			b.WriteByte('-')
			replaced = true
		}
	}
	return strings.TrimRight(b.String(), "-_.")
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
