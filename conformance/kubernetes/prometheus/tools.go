//go:build tools

// What is built of the module that this one requires.
package prometheus

import _ "github.com/prometheus/prometheus/cmd/prometheus"
