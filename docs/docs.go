// Package docs has those documents that programs read, too: what users are told is then what the code goes by.
package docs

import _ "embed"

//go:embed rego-input.schema.json
var regoInput string

// RegoInputSchema is the JSON schema of the input of guardrails in Rego.
func RegoInputSchema() string { return regoInput }
