// Package registration builds the two webhook configurations by which the API server calls kroguard: which requests reach it,
// which never do, and what happens while it is down.
//
// It is a pure function from options and resources to the objects, so that the controller that keeps the configurations, the
// command line that prints them and the tests agree on every byte. Every field that the API server would default is set, so
// that a configuration read back equals the one built here.
//
// A request that needs no judgement is spared the round trip by matchConditions, which the API server evaluates itself. Under
// failurePolicy Fail an erroring condition refuses the request: the conditions hold for objects of any shape.
package registration
