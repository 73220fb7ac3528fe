// Package suites holds kroguard's verdicts on Gatekeeper's policies, and what they say, together with Gatekeeper's own.
package suites
