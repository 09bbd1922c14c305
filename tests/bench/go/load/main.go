// Clients that keep their connections and ask the same again and again; prints what they saw as one line of JSON.
//
// Without a rate each client asks as soon as it is answered. With one, requests are due at fixed times and their latency
// counts from then, so that a slow answer is not hidden by the requests it delayed.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"sort"
	"sync"
	"time"
)

type seen struct {
	wholes, firsts []time.Duration // until the end of the answer, and until the first byte of its body
	failure        error
	failed         int
}

type asker struct {
	client *http.Client
	url    string
	key    string
	body   []byte
	ends   []byte
}

func main() {
	url := flag.String("url", "", "where to ask")
	key := flag.String("key", "", "bearer token")
	file := flag.String("body", "", "file with the body of the request")
	ends := flag.String("ends", "", "what a complete answer ends with")
	connections := flag.Int("connections", 8, "clients")
	rate := flag.Float64("rate", 0, "requests a second of all clients; 0: as fast as they are answered")
	seconds := flag.Float64("seconds", 2, "no request begins later; those that run are waited for")
	flag.Parse()
	body, err := os.ReadFile(*file)
	if err != nil {
		log.Fatal(err)
	}
	results := make([]seen, *connections)
	started := time.Now()
	deadline := started.Add(time.Duration(*seconds * float64(time.Second)))
	var running sync.WaitGroup
	for number := range results {
		running.Add(1)
		go func() {
			defer running.Done()
			client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}, Timeout: 5 * time.Minute}
			pace := time.Duration(0)
			if *rate > 0 {
				pace = time.Duration(float64(*connections) / *rate * float64(time.Second))
			}
			first := started.Add(pace * time.Duration(number) / time.Duration(*connections))
			results[number] = asker{client, *url, *key, body, []byte(*ends)}.run(first, deadline, pace)
		}()
	}
	running.Wait()
	report(results, time.Since(started))
}

func (a asker) run(due, deadline time.Time, pace time.Duration) (all seen) {
	for due.Before(deadline) {
		time.Sleep(time.Until(due))
		first, err := a.ask()
		now := time.Now()
		if err != nil {
			all.failed++
			all.failure = err
		} else {
			all.firsts = append(all.firsts, first.Sub(due))
			all.wholes = append(all.wholes, now.Sub(due))
		}
		if due = due.Add(pace); pace == 0 {
			due = now
		}
	}
	return all
}

// ask returns when the first byte of the body came, after it has read the whole.
func (a asker) ask() (first time.Time, err error) {
	request, err := http.NewRequest(http.MethodPost, a.url, bytes.NewReader(a.body))
	if err != nil {
		return first, err
	}
	request.Header.Set("content-type", "application/json")
	request.Header.Set("authorization", "Bearer "+a.key)
	answer, err := a.client.Do(request)
	if err != nil {
		return first, err
	}
	defer answer.Body.Close()
	start := make([]byte, 1)
	if _, err = io.ReadFull(answer.Body, start); err != nil {
		return first, err
	}
	first = time.Now()
	rest, err := io.ReadAll(answer.Body)
	if err != nil {
		return first, err
	}
	if answer.StatusCode != http.StatusOK || !bytes.HasSuffix(bytes.TrimSpace(rest), a.ends) {
		return first, fmt.Errorf("status %d, %d bytes that do not end with %q", answer.StatusCode, len(rest)+1, a.ends)
	}
	return first, nil
}

func report(results []seen, took time.Duration) {
	var all seen
	for _, one := range results {
		all.wholes = append(all.wholes, one.wholes...)
		all.firsts = append(all.firsts, one.firsts...)
		all.failed += one.failed
		if one.failure != nil {
			all.failure = one.failure
		}
	}
	failure := ""
	if all.failure != nil {
		failure = all.failure.Error()
	}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"requests": len(all.wholes), "failed": all.failed, "failure": failure, "seconds": took.Seconds(),
		"p50_ms": at(all.wholes, 0.5), "p99_ms": at(all.wholes, 0.99),
		"first_p50_ms": at(all.firsts, 0.5), "first_p99_ms": at(all.firsts, 0.99),
	})
}

// at is a quantile in milliseconds; 0 when nothing was measured.
func at(durations []time.Duration, quantile float64) float64 {
	if len(durations) == 0 {
		return 0
	}
	sort.Slice(durations, func(i, j int) bool { return durations[i] < durations[j] })
	return durations[int(quantile*float64(len(durations)-1)+0.5)].Seconds() * 1000
}
