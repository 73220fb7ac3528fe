// Package expression evaluates YAML values that carry ${CEL} expressions, as kro users write them, over project, namespace,
// offering and object. RGD annotations declare defaults and labels with them.
//
// A value that is one expression keeps the type of its result; one within other text becomes a string. Expressions are
// compiled and type-checked when the annotation is read, and evaluated under a cost limit.
package expression
