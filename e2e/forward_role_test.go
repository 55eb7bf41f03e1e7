package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store"
)

// hooksProvider is an entry whose webhooks are verified as those of Slack are.
const hooksProvider = "slack:\n  display_name: Slack\n  docs: https://docs.slack.dev\n  auth_mode: OAUTH2\n" +
	"  authorization_url: https://slack.com/oauth/v2/authorize\n  token_url: https://slack.com/api/oauth.v2.access\n  proxy: {base_url: https://slack.com/api}\n"

const hooksIntegration = "chat"

// hooks are what a process needs to know to take in webhooks and forward them.
type hooks struct {
	Receiver string
	Secret   string // that signs what is forwarded
	// Forget keeps the queue in the memory of the process.
	Forget bool
	// Ahead is how far the clock of the process is.
	Ahead time.Duration
}

// openHooks makes a process of this one that forwards.
func (r role) openHooks() (*process, error) {
	catalog, problems := tieline.LoadCatalog(tieline.CatalogFile{Name: "slack.yaml", Data: []byte(hooksProvider)})
	if len(problems) > 0 {
		return nil, errors.New(problems[0].String())
	}
	return r.open(func(c *tieline.Config) {
		c.Providers = catalog
		c.Forward = tieline.Forward{URLs: []string{r.Hooks.Receiver}, Secrets: []tieline.Secret{tieline.NewSecret(r.Hooks.Secret)}}
		c.Now = func() time.Time { return time.Now().Add(r.Hooks.Ahead) }
		if r.Hooks.Forget {
			c.Store = forgetful{Store: c.Store, queue: &store.Memory{}}
		}
	})
}

// takeHooks is the role of a process that takes in webhooks and forwards them. It
// says where it listens.
func (r role) takeHooks(in io.Reader, out io.Writer) error {
	p, err := r.openHooks()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: p.Integrations.WebhookHandler(tieline.WebhookOptions{}), ReadHeaderTimeout: time.Minute}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan struct{}, 2)
	go func() { _ = server.Serve(listener); ended <- struct{}{} }()
	go func() { _ = p.Run(ctx); ended <- struct{}{} }()
	fmt.Fprintf(out, "ready\nhttp://%s/%s\n", listener.Addr(), hooksIntegration)
	_, _ = bufio.NewReader(in).ReadString('\n') // whoever started this process ends it
	cancel()
	err = server.Close()
	<-ended
	<-ended
	return errors.Join(err, p.close())
}

// forgetful keeps messages in memory that are to survive the process.
type forgetful struct {
	store.Store
	queue *store.Memory
}

func (f forgetful) of(kind store.Kind) store.Store {
	if kind == "forward" {
		return f.queue
	}
	return f.Store
}

func (f forgetful) Get(ctx context.Context, key store.Key) (store.Row, error) {
	return f.of(key.Kind).Get(ctx, key)
}

func (f forgetful) Put(ctx context.Context, row store.Row) (store.Row, error) {
	return f.of(row.Kind).Put(ctx, row)
}

func (f forgetful) Delete(ctx context.Context, key store.Key, version int64) error {
	return f.of(key.Kind).Delete(ctx, key, version)
}

func (f forgetful) List(ctx context.Context, q store.Query) (store.Page, error) {
	return f.of(q.Kind).List(ctx, q)
}
