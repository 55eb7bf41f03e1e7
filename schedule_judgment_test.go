package tieline

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
)

// judgment is what became of one schedule.
type judgment struct {
	made     []choice
	trace    string
	lost     bool   // the grant
	excuse   string // for that
	problems []string
	catalog  *Catalog // for the schedules to come
}

// makeSchedule makes one schedule, as pick chooses, and looks at what came of it.
func makeSchedule(t *testing.T, c scheduleCase, pick func(step, n int) int) (v judgment) {
	synctest.Test(t, func(t *testing.T) {
		w := newScheduleWorld(t, c, pick)
		w.begin()
		if err := w.s.run(); err != nil {
			w.broken("%v", err)
		}
		w.finish()
		w.judgeCallers()
		w.judgeExchanges()
		v.lost = w.judgeGrant()
		v.made, v.trace, v.excuse, v.problems = w.s.made, w.s.trace(), w.excuse, w.problems
		v.catalog = w.catalog
		if v.lost && v.excuse == "" {
			v.problems = append(v.problems, "the grant is lost")
		}
	})
	return v
}

// undisturbed says whether nothing struck but what is no reason for an error.
func (w *scheduleWorld) undisturbed(but ...string) bool {
	for fault := range w.struck {
		if !slices.Contains(but, fault) {
			return false
		}
	}
	return true
}

func (w *scheduleWorld) judgeCallers() {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	for i, r := range w.callers {
		r.cancel()
		switch {
		case r.process.dead:
		case !r.done:
			w.broken("caller %d never returned", i)
		case r.err == nil:
			token := r.cred.(*OAuth2Token)
			if !token.ExpiresAt.After(r.at) {
				w.broken("caller %d got an expired token", i)
			}
		case i == 0 && w.struck["cancel"] && errors.Is(r.err, context.Canceled):
		case (w.struck["delete"] || w.struck["recreate"]) && errors.Is(r.err, ErrNotFound):
		case !w.reconnected.IsZero() && !r.at.Before(w.reconnected) && errors.Is(r.err, ErrRefreshFailed),
			!w.reconnected.IsZero() && !r.at.Before(w.reconnected) && errors.Is(r.err, ErrReauthRequired):
			w.broken("caller %d got %v although the user had reconnected", i, r.err)
		case w.undisturbed("cancel", "reconnect", "delete", "recreate"):
			w.broken("caller %d got %v", i, r.err)
		}
	}
}

func (w *scheduleWorld) judgeExchanges() {
	stats, want := w.provider.Stats(), 1
	if w.c.second {
		want = 2
	}
	if w.undisturbed("cancel", "store", "reconnect", "delete", "recreate") && stats.MaxPerGeneration > 1 {
		w.broken("a refresh token was used %d times", stats.MaxPerGeneration)
	}
	if len(w.struck) == 0 && w.exchanges != want {
		w.broken("%d exchanges, want %d", w.exchanges, want)
	}
	if before := want - 1; w.undisturbed("cancel") && stats.Refreshes != want+before {
		w.broken("%d refreshes, want %d", stats.Refreshes-before, want)
	}
}

// judgeRow looks at what processes that are done have left behind.
func (w *scheduleWorld) judgeRow() {
	_, rec := w.connectionRecord()
	if rec.State.Holder != "" && !w.struck["crash"] {
		w.broken("everybody is done, and the lease is held: %+v", rec.State)
	}
	for _, p := range w.processes {
		if !p.dead && p.unsaved && rec.State.TokenFence < p.gotFence && !w.struck["recreate"] {
			w.broken("%s dropped a token that nobody had replaced", p.name)
		}
	}
}

// judgeGrant says whether the grant is lost that should be there.
func (w *scheduleWorld) judgeGrant() (lost bool) {
	if !w.struck["delete"] {
		w.judgeRow()
	}
	token, err := w.settle()
	live := w.provider.Grants()
	switch {
	case w.struck["delete"] && !errors.Is(err, ErrNotFound):
		w.broken("the connection came back: %v", err)
	case w.struck["delete"] && len(live) != 0, w.struck["recreate"] && len(live) != 1:
		w.broken("a token of the deleted connection is still good")
	}
	if w.struck["delete"] {
		return false
	}
	if err != nil {
		if !errors.Is(err, ErrReauthRequired) {
			w.broken("in the end: %v", err)
		} else if code := w.lastError(); code != lostRotation && w.excuse != "" {
			w.broken("a lost grant is called %q", code)
		}
		return true
	}
	grant, known := w.provider.GrantOf(token.RefreshToken.Reveal())
	if !known || !w.provider.IsLive(token.RefreshToken.Reveal()) || !w.provider.IsLive(token.AccessToken.Reveal()) {
		return true
	}
	if (w.struck["reconnect"] || w.struck["recreate"]) && grant.ID != live[len(live)-1].ID {
		w.broken("the new grant did not win")
	}
	if _, rec := w.connectionRecord(); rec.State.Holder != "" {
		w.broken("the lease is still held: %+v", rec.State)
	}
	return false
}

func (w *scheduleWorld) lastError() string {
	_, rec := w.connectionRecord()
	return rec.State.LastError.Code
}
