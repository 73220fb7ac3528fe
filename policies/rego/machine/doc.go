// Package machine runs Rego rules as compiled code: it turns the rules that OPA's compiler has checked, resolved and put into
// a safe order into a chain of Go closures, once, when the configuration changes.
//
// It exists because OPA's interpreter decides anew at each evaluation what is known beforehand: which variables are bound at an
// expression, which rule a reference means, how two terms are to be unified. Here that is decided at compile time. A variable is
// a slot of one array, since Rego has no recursion and so no rule is active twice; a step of a rule's body calls the next one
// for each way in which it holds, and returns when there is no further one.
//
// What a program means is OPA's business: values are OPA's terms, built-in functions are OPA's own, and where Rego leaves room
// (the order of iteration, which errors are errors) the machine does as OPA's interpreter does. OPA's own compliance suite and a
// corpus of policies are run by both, and must agree. What the machine does not know (with, documents of whole packages, rule
// heads with variables amid their path) Compile refuses with an UnsupportedError, and the caller interprets. One thing differs:
// OPA's interpreter has an index by which it skips rules that can't hold, and with them the conflicts that they would run into.
//
// # Bounds
//
// A Run ends with an error at its deadline, and when the values that it has built take more memory than Limits say: counted
// as they are built, and, for those built-ins whose result may be far larger than their operands, before they are called.
package machine
