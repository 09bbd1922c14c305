// Clients of many streams at once, which stay open until they are told to go.
//
// When every stream has begun (or failed), and then for each line on standard input, one line of JSON says what was seen
// since the last one; at the end of standard input all clients leave. An event's delay is from when the model server wrote
// it (which is its text) until it was read here.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	slowReadBytes = 64
	// Little is taken by the socket of a slow reader; Linux doubles it, and has a minimum of its own.
	slowSocketBytes = 4096
	lineBytesMax    = 1 << 20
)

var stamp = []byte(`"content":"at`)

// watch is what all streams have seen.
type watch struct {
	sync.Mutex
	begun, ended, failed, shown int // streams; shown: those in which the forbidden text came
	failure                     string
	events                      int
	delays                      []float64 // [ms]
	since                       time.Time
}

type plan struct {
	url, key   string
	body       []byte
	forbidden  []byte
	beginsWith int // events until a stream has begun
	slowBytes  int // to read a second; 0: as they come
}

func main() {
	var asked plan
	flag.StringVar(&asked.url, "url", "", "where to ask")
	flag.StringVar(&asked.key, "key", "", "bearer token")
	file := flag.String("body", "", "file with the body of the request")
	forbidden := flag.String("forbidden", "", "a text that must not come")
	flag.IntVar(&asked.beginsWith, "begins_with", 1, "events until a stream has begun")
	flag.IntVar(&asked.slowBytes, "slow_bytes", 0, "to read a second and stream; 0: as they come")
	streams := flag.Int("streams", 1, "how many")
	together := flag.Int("together", 1, "streams of one connection; more than 1: HTTP/2")
	opening := flag.Int("opening", 32, "streams that are being opened at a time")
	flag.Parse()
	body, err := os.ReadFile(*file)
	if err != nil {
		log.Fatal(err)
	}
	asked.body, asked.forbidden = body, []byte(*forbidden)
	stay, leave := context.WithCancel(context.Background())
	seen := &watch{since: time.Now()}
	var clients sync.WaitGroup
	places := make(chan struct{}, *opening)
	var client *http.Client
	for number := range *streams {
		if number%*together == 0 {
			client = newClient(*together > 1, asked.slowBytes > 0)
		}
		places <- struct{}{}
		clients.Add(1)
		go func(client *http.Client) {
			defer clients.Done()
			begun := sync.OnceFunc(func() { <-places })
			defer begun()
			if err := asked.follow(stay, client, seen, begun); stay.Err() == nil {
				seen.end(err)
			}
		}(client)
	}
	for range *opening { // as long as one has not begun, one place is missing
		places <- struct{}{}
	}
	seen.report()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		seen.report()
	}
	leave()
	clients.Wait()
}

func newClient(together, slow bool) *http.Client {
	transport := &http.Transport{MaxConnsPerHost: 1}
	if together {
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetUnencryptedHTTP2(true)
	}
	if slow {
		dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(descriptor uintptr) {
				_ = syscall.SetsockoptInt(int(descriptor), syscall.SOL_SOCKET, syscall.SO_RCVBUF, slowSocketBytes)
			})
		}}
		transport.DialContext, transport.ReadBufferSize = dialer.DialContext, slowReadBytes
	}
	return &http.Client{Transport: transport}
}

// follow reads one stream to its end.
func (asked plan) follow(stay context.Context, client *http.Client, seen *watch, begun func()) error {
	request, err := http.NewRequestWithContext(stay, http.MethodPost, asked.url, bytes.NewReader(asked.body))
	if err != nil {
		return err
	}
	request.Header.Set("content-type", "application/json")
	request.Header.Set("authorization", "Bearer "+asked.key)
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 300))
		return fmt.Errorf("status %d: %s", answer.StatusCode, text)
	}
	var source io.Reader = bufio.NewReader(answer.Body)
	if asked.slowBytes > 0 {
		source = slowly{answer.Body, asked.slowBytes}
	}
	lines := bufio.NewScanner(source)
	lines.Buffer(make([]byte, 0, 1024), lineBytesMax)
	events, shown := 0, false
	for lines.Scan() {
		line := lines.Bytes()
		if bytes.Equal(line, []byte("data: [DONE]")) {
			return nil
		}
		if len(asked.forbidden) > 0 && !shown && bytes.Contains(line, asked.forbidden) {
			shown = true
			seen.show()
		}
		if !bytes.HasPrefix(line, []byte("data: ")) {
			continue
		}
		events++
		seen.event(delay(line), events == asked.beginsWith)
		if events == asked.beginsWith {
			begun()
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return errors.New("a stream broke off")
}

// delay of an event since it was written [ms]; below 0: it does not say when.
func delay(line []byte) float64 {
	now := time.Now().UnixMicro()
	_, rest, found := bytes.Cut(line, stamp)
	end := bytes.IndexByte(rest, ' ')
	if !found || end < 0 {
		return -1
	}
	written := int64(0)
	for _, letter := range rest[:end] {
		if letter < 'a' || letter > 'j' {
			return -1
		}
		written = 10*written + int64(letter-'a')
	}
	return float64(now-written) / 1000
}

// slowly gives a few bytes at a time, so many a second.
type slowly struct {
	from      io.Reader
	perSecond int
}

func (s slowly) Read(into []byte) (int, error) {
	got, err := s.from.Read(into[:min(len(into), slowReadBytes)])
	time.Sleep(time.Duration(got) * time.Second / time.Duration(s.perSecond))
	return got, err
}

func (w *watch) event(delay float64, begins bool) {
	w.Lock()
	defer w.Unlock()
	w.events++
	if delay >= 0 {
		w.delays = append(w.delays, delay)
	}
	if begins {
		w.begun++
	}
}

func (w *watch) show() {
	w.Lock()
	defer w.Unlock()
	w.shown++
}

func (w *watch) end(err error) {
	w.Lock()
	defer w.Unlock()
	if err == nil {
		w.ended++
		return
	}
	w.failed++
	w.failure = err.Error()
}

// report says how many streams there were so far, and what came since the last report.
func (w *watch) report() {
	w.Lock()
	defer w.Unlock()
	slices.Sort(w.delays)
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"begun": w.begun, "ended": w.ended, "failed": w.failed, "failure": w.failure, "shown": w.shown,
		"events": w.events, "seconds": time.Since(w.since).Seconds(),
		"p50_ms": at(w.delays, 0.5), "p99_ms": at(w.delays, 0.99),
	})
	w.events, w.delays, w.since = 0, w.delays[:0], time.Now()
}

// at is a quantile of sorted values; 0 when there are none.
func at(sorted []float64, quantile float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(quantile*float64(len(sorted)-1)+0.5)]
}
