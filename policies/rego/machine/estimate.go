package machine

import (
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// estimator is at least about how many bytes a built-in's result takes; it may stop counting beyond the limit.
type estimator func(operands []*ast.Term, limit int) int

// estimateOf yields the estimator of a built-in whose result, or whose work space, may be far larger than its operands. For all
// others it is enough to count the result.
func estimateOf(name string) estimator {
	switch name {
	case "numbers.range", "numbers.range_step":
		return sizeOfRange
	case "net.cidr_expand":
		return sizeOfCIDR
	case "concat":
		return sizeOfConcat
	case "replace":
		return sizeOfReplace
	case "strings.replace_n":
		return sizeOfReplaceN
	case "regex.replace":
		return sizeOfRegexReplace
	case "sprintf":
		return sizeOfSprintf
	case "split", "regex.split", "regex.find_n", "regex.find_all_string_submatch_n", "indexof_n":
		return sizeOfParts
	case "json.marshal", "yaml.marshal", "internal.print", "internal.template_string", "urlquery.encode_object":
		return func(operands []*ast.Term, limit int) int { return bytesPerText * textOfAll(operands, limit) }
	case "json.marshal_with_options":
		return sizeOfIndented
	case "json.unmarshal", "yaml.unmarshal", "urlquery.decode_object":
		return func(operands []*ast.Term, _ int) int { return bytesPerParsed * len(text(operands[0])) }
	case "walk":
		return func(operands []*ast.Term, limit int) int { return sizeOfWalk(operands[0], 1, limit) }
	case "plus", "minus", "mul", "div", "rem", "abs", "ceil", "floor", "round", "format_int", "to_number",
		"units.parse", "units.parse_bytes", "bits.and", "bits.or", "bits.xor", "bits.negate", "bits.rsh", "sum", "product":
		return sizeOfNumbers
	default:
		return nil
	}
}

// bytesPerParsed is about how many bytes of values a byte of JSON or YAML may become: "[0,0" is an element for each two.
const bytesPerParsed = bytesPerElement / 2

// bytesPerText is about how many bytes are allocated for each byte of a value's text, until it has grown to its length.
const bytesPerText = 8

// bytesPerDigit is what a digit counts. It takes half a byte, but arithmetic on a hundred thousand of them takes long already.
const bytesPerDigit = 256

func text(term *ast.Term) string {
	value, _ := term.Value.(ast.String)
	return string(value)
}

// textOf is about how long a value is as text. A value that contains another one twice counts it twice, as its text does: what is
// small in memory may be exponentially large as text, so counting ends at the limit.
func textOf(term *ast.Term, limit int) int {
	size := 4
	switch value := term.Value.(type) {
	case ast.String:
		return size + len(value)
	case ast.Number:
		return size + len(value)
	case *ast.Array:
		for i := 0; i < value.Len() && size <= limit; i++ {
			size += textOf(value.Elem(i), limit-size)
		}
	case ast.Set:
		value.Until(func(element *ast.Term) bool {
			size += textOf(element, limit-size)
			return size > limit
		})
	case ast.Object:
		value.Until(func(key, element *ast.Term) bool {
			size += textOf(key, limit-size)
			size += textOf(element, limit-size)
			return size > limit
		})
	}
	return size
}

func textOfAll(terms []*ast.Term, limit int) int {
	size := 0
	for _, term := range terms {
		size += textOf(term, limit-size)
	}
	return size
}

func sizeOfRange(operands []*ast.Term, limit int) int {
	from, ok := number(operands[0])
	to, both := number(operands[1])
	step := int64(1)
	if len(operands) > 2 {
		if given, ok := number(operands[2]); ok && given > 0 {
			step = given
		}
	}
	if !ok || !both {
		return limit + 1
	}
	span := float64(to) - float64(from)
	return atMost(max(span, -span)/float64(step)*bytesPerElement, limit)
}

func number(term *ast.Term) (int64, bool) {
	value, ok := term.Value.(ast.Number)
	if !ok {
		return 0, true // the built-in refuses it
	}
	return value.Int64()
}

// atMost is a size as an int, at most just beyond the limit.
func atMost(size float64, limit int) int {
	if size > float64(limit) {
		return limit + 1
	}
	return int(size)
}

// sizeOfCIDR is the addresses of an IPv4 network; one of IPv6 is small only where its prefix is long.
func sizeOfCIDR(operands []*ast.Term, limit int) int {
	address, prefix, _ := strings.Cut(text(operands[0]), "/")
	bits, err := strconv.Atoi(prefix)
	if err != nil {
		return 0 // the built-in refuses it
	}
	free := 32 - bits
	if strings.Contains(address, ":") {
		free = 128 - bits
	}
	if free > 40 {
		return limit + 1
	}
	return atMost(float64(int64(1)<<max(free, 0))*bytesPerElement, limit)
}

func sizeOfConcat(operands []*ast.Term, _ int) int {
	size, count := 0, 0
	add := func(term *ast.Term) {
		size += len(text(term))
		count++
	}
	switch parts := operands[1].Value.(type) {
	case *ast.Array:
		parts.Foreach(add)
	case ast.Set:
		parts.Foreach(add)
	}
	return size + count*len(text(operands[0]))
}

func sizeOfReplace(operands []*ast.Term, limit int) int {
	s, old, replacement := len(text(operands[0])), len(text(operands[1])), len(text(operands[2]))
	return atMost(float64(s)+float64(s/max(old, 1)+1)*float64(replacement), limit)
}

func sizeOfReplaceN(operands []*ast.Term, limit int) int {
	longest := 0
	if pairs, ok := operands[0].Value.(ast.Object); ok {
		pairs.Foreach(func(_, replacement *ast.Term) { longest = max(longest, len(text(replacement))) })
	}
	s := float64(len(text(operands[1])) + 1)
	return atMost(s+s*float64(longest), limit)
}

// sizeOfRegexReplace counts the replacement for each position, and the whole text for each group that the replacement names.
func sizeOfRegexReplace(operands []*ast.Term, limit int) int {
	s, replacement := float64(len(text(operands[0]))+1), text(operands[2])
	return atMost(s*float64(len(replacement)+1)+s*float64(strings.Count(replacement, "$")), limit)
}

// widest is the largest width that Go's fmt takes from a format.
const widest = 1_000_000

// sizeOfSprintf counts the longest argument, and the width, for each verb.
func sizeOfSprintf(operands []*ast.Term, limit int) int {
	format := text(operands[0])
	width := 0
	for _, digits := range strings.FieldsFunc(format, func(r rune) bool { return r < '0' || r > '9' }) {
		if n, err := strconv.Atoi(digits); err != nil || n > width {
			width = min(max(n, width), widest)
		}
	}
	if strings.Contains(format, "*") {
		width = widest
	}
	longest := 0
	if arguments, ok := operands[1].Value.(*ast.Array); ok {
		for i := range arguments.Len() {
			longest = max(longest, textOf(arguments.Elem(i), limit))
		}
	}
	return atMost(float64(len(format))+float64(strings.Count(format, "%"))*float64(bytesPerText*longest+width), limit)
}

// sizeOfParts counts an element for each separator that the text has room for.
func sizeOfParts(operands []*ast.Term, limit int) int {
	s, separator := operands[0], operands[1]
	n := 1
	if _, ok := separator.Value.(ast.String); ok {
		n = max(len(text(separator)), 1)
	}
	return atMost(float64(max(len(text(s)), len(text(separator)))/n)*bytesPerElement, limit)
}

// sizeOfIndented counts the indentation for each element.
func sizeOfIndented(operands []*ast.Term, limit int) int {
	plain := textOf(operands[0], limit)
	return atMost(float64(plain)*float64(1+textOf(operands[1], limit)), limit)
}

// sizeOfWalk counts a path for each value within another one.
func sizeOfWalk(term *ast.Term, depth, limit int) int {
	size := bytesPerElement + 16*depth
	switch value := term.Value.(type) {
	case *ast.Array:
		for i := 0; i < value.Len() && size <= limit; i++ {
			size += sizeOfWalk(value.Elem(i), depth+1, limit-size)
		}
	case ast.Set:
		value.Until(func(element *ast.Term) bool {
			size += sizeOfWalk(element, depth+1, limit-size)
			return size > limit
		})
	case ast.Object:
		value.Until(func(_, element *ast.Term) bool {
			size += sizeOfWalk(element, depth+1, limit-size)
			return size > limit
		})
	}
	return size
}

// sizeOfNumbers counts the digits of numbers, and of texts that are numbers, written out.
func sizeOfNumbers(operands []*ast.Term, limit int) int {
	size := 0
	count := func(term *ast.Term) {
		digits := ""
		switch value := term.Value.(type) {
		case ast.Number:
			digits = string(value)
		case ast.String:
			digits = string(value)
		}
		size = min(size+bytesPerDigit*digitsOf(digits, limit), limit+1)
	}
	for _, operand := range operands {
		switch value := operand.Value.(type) {
		case *ast.Array:
			value.Foreach(count)
		case ast.Set:
			value.Foreach(count)
		default:
			count(operand)
		}
	}
	return size
}

// digitsOf is how many digits a number has when its exponent is written out.
func digitsOf(text string, limit int) int {
	at := strings.IndexAny(text, "eE")
	if at < 0 {
		return len(text)
	}
	exponent := strings.TrimRight(strings.TrimLeft(text[at+1:], "+-"), "kKMGTPEibmn")
	n, err := strconv.Atoi(exponent)
	if err != nil {
		if exponent != "" && strings.Trim(exponent, "0123456789") == "" {
			return limit + 1 // more digits than an int has
		}
		return len(text)
	}
	return min(at+n, limit+1)
}
