// Sends what it reads to the panel "echo", and prints what comes back, over cuts and restarts.
package main

import (
	"io"
	"log"
	"os"
	"strings"

	panelet "panelet.dev/examples/client-go"
)

func main() {
	addresses := strings.Split(os.Getenv("PANELET_ADDRESS"), ",")
	session, err := panelet.Open(panelet.Options{Addresses: addresses, Panel: "echo"})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		io.Copy(session, os.Stdin)
		session.CloseWrite()
	}()
	if _, err := io.Copy(os.Stdout, session); err != nil {
		log.Fatal(err)
	}
}
