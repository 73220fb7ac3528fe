// Package doctor examines an installation of kroguard: whether the API server reaches it and calls it for every instance, whether
// it may do what it must, and whether what people wrote for it is in force.
//
// It sees what the person sees who runs it. What that person may not read is skipped, with the right to ask for; nothing is
// changed, and all that is written is a dry run. Checks are functions of values read before, so that tests need no cluster.
package doctor
