// Package render computes what an instance will become: the resources that kro would create for it, before anything exists.
//
// Compile compiles an RGD with kro's own graph builder and keeps what rendering needs of it. A Set then renders
// instances with the expressions as kro's library declares and types them, walking the graph as kro's controller does, but
// without a cluster. Two things differ from kro's own runtime. First, nothing has a status yet, so what depends on one is
// unknown and is kept apart from what is absent: has() of a status is neither true nor false. Second, there are limits: kro's
// expressions may run for ever, and a webhook may not.
//
// The package takes values and small interfaces and knows no cluster: Types says where kinds come from.
package render
