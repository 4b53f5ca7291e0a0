//go:build tools

// Package load pins the load generators of bench/serve.py.
package load

import (
	_ "github.com/bojand/ghz/cmd/ghz"
	_ "github.com/tsenart/vegeta/v12"
)
