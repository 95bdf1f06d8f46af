// Sends what it reads to the panel "echo", and prints what comes back, over cuts and restarts.
package main

import (
	"log"
	"os"
	"strings"

	panelet "panelet.dev/examples/client-go"
)

func main() {
	addresses := strings.Split(os.Getenv("PANELET_ADDRESS"), ",")
	options := panelet.Options{Addresses: addresses, Panel: "echo"}
	if err := panelet.Run(options, os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}
