'use strict';
// A small Express app with the routes of Cloakroom's reference server, as Express apps write such routes. README.md tells
// what the environment sets.

const { promisify } = require('node:util');
const { setTimeout: sleep } = require('node:timers/promises');
const express = require('express');
const session = require('express-session');
const stores = require('./stores');

const { PORT = '0', SECRET = 'keyboard cat', STORE, LAYOUT = 'connect-mongodb-session', COOKIE = 'connect.sid' } =
  process.env;
const isOn = (name) => process.env[name] === '1';
const number = (name) => (process.env[name] === undefined ? undefined : Number(process.env[name]));

const store = stores.open(LAYOUT, STORE, { touchAfter: number('TOUCH_AFTER'), timestamps: isOn('TIMESTAMPS') });
const bare = stores.bare(LAYOUT, STORE);

const app = express();
app.disable('x-powered-by');
app.set('etag', false);

// What went wrong since the last time that somebody asked. A save that fails is told by no answer: that has left.
let errors = [];
app.get('/errors', (req, res) => {
  res.json(errors);
  errors = [];
});
// These have no session.
app.get('/held', (req, res) => res.json(held.length));
app.post('/let-go', (req, res) => {
  held.splice(0).forEach((go) => go('ok'));
  res.json(held.length);
});

app.use(
  session({
    store,
    name: COOKIE,
    secret: SECRET.split(','),
    resave: false,
    saveUninitialized: false,
    rolling: isOn('ROLLING'),
    cookie: { maxAge: number('MAX_AGE') ?? null, sameSite: 'lax' },
  }),
);

const text = (handler) => async (req, res) => res.type('text').send(String(await handler(req, res)));

app.get('/', text(() => 'ok'));

app.get('/read', text((req) => req.session.n ?? 0));

// As everybody counts in Express: what another request has written meanwhile is overwritten when this one ends.
app.post('/incr', text((req) => (req.session.n = (req.session.n ?? 0) + 1)));

// For once not blindly: only while the document still has the session that was read, and again where it has another.
app.post('/incr-cas', text(async (req) => {
  for (;;) {
    const found = await bare.read(req.sessionID);
    if (!found) throw new Error('there is no session to count in');
    const data = bare.parse(found);
    data.n = (data.n ?? 0) + 1;
    if (await bare.swap(req.sessionID, found, bare.stringify(data))) return data.n;
    await sleep(Math.random() * 5);
  }
}));

app.post('/set/:key/:value', text((req) => {
  req.session[req.params.key] = req.params.value;
  return 'ok';
}));

app.post('/unset/:key', text((req) => {
  delete req.session[req.params.key];
  return 'ok';
}));

// In Redis, `cloakroom` is what the Rust side keeps in a session.
app.get('/dump', (req, res) => {
  const { cookie, cloakroom, ...data } = req.session;
  res.json(data);
});

app.post('/login/:user', text(async (req) => {
  await promisify(req.session.regenerate).call(req.session);
  req.session.user = { id: req.params.user };
  return 'ok';
}));

app.post('/logout', text(async (req) => {
  await promisify(req.session.destroy).call(req.session);
  return 'ok';
}));

app.post('/slow/:ms/:key/:value', text(async (req) => {
  await sleep(Number(req.params.ms));
  req.session[req.params.key] = req.params.value;
  return 'ok';
}));

// Requests that have their session, and wait until they are let go: a test need not guess how long the others take.
let held = [];
const hold = () => new Promise((resolve) => held.push(resolve));

app.post('/held/:key/:value', text(async (req) => {
  await hold();
  req.session[req.params.key] = req.params.value;
  return 'ok';
}));

app.post('/held', text(hold));

// Saves, and dies before the answer is whole.
app.post('/kill-me/:key/:value', async (req, res) => {
  req.session[req.params.key] = req.params.value;
  await promisify(req.session.save).call(req.session);
  res.type('text').write('o');
  process.kill(process.pid, 'SIGKILL');
});

app.use((error, req, res, next) => {
  errors.push(`${req.method} ${req.path}: ${error.message}`);
  next(error);
});

async function main() {
  // The first call waits until the store is connected and has its indexes.
  await promisify(store.get).call(store, 'nobody');
  const server = app.listen(Number(PORT), '127.0.0.1', (error) => {
    if (error) throw error;
    console.log(`listening on http://127.0.0.1:${server.address().port}`);
  });
}

main();
