'use strict';
// Express with express-session and one of its stores, or without sessions, where it counts for all together: `node server.js NAME`,
// where NAME is `express`, `memory`, `connect-mongo` or `connect-mongodb-session`. It has the routes of the other peers, and
// keeps its sessions in the database that STORE names.

const express = require('express');
const session = require('express-session');

const NAME = process.argv[2];
const { STORE } = process.env;
const HOUR = 60 * 60;

const STORES = {
  memory: () => new session.MemoryStore(),
  'connect-mongo': () => require('connect-mongo').MongoStore.create({ mongoUrl: STORE, ttl: HOUR }),
  'connect-mongodb-session': () => {
    const MongoDBStore = require('connect-mongodb-session')(session);
    return new MongoDBStore({ uri: STORE, collection: 'sessions', expires: HOUR * 1000 });
  },
};

const app = express();
app.disable('x-powered-by');
app.set('etag', false);

if (NAME === 'express') {
  app.request.session = {};
} else {
  // That its store in memory is not for production is what it warns of here.
  if (NAME === 'memory') console.warn = () => {};
  app.use(session({ store: STORES[NAME](), secret: 'keyboard cat', resave: false, saveUninitialized: false }));
}

const text = (handler) => (req, res) => res.type('text').send(String(handler(req)));

// Another value each time: what is already so is no write.
let number = 0;

app.get('/', text(() => 'ok'));
app.get('/read', text((req) => req.session.n ?? 0));
app.post('/incr', text((req) => (req.session.n = (req.session.n ?? 0) + 1)));
app.post('/ext/fill/:bytes', text((req) => {
  req.session.filling = String(number++).padEnd(Number(req.params.bytes), 'x');
  return 'ok';
}));
app.get('/ext/length', text((req) => (req.session.filling ?? '').length));

const server = app.listen(0, '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
