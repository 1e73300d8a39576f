'use strict';
// The twin of the demo shop (demo/), in Express: the same look, the same session. With one secret, one cookie name and one
// database the two are one shop: who logs in to one is logged in to the other, and has the same cart there.

const { readFileSync } = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const express = require('express');
const session = require('express-session');
const stores = require('../stores');

const { PORT = '3100', SECRET, STORE, LAYOUT = 'connect-mongodb-session', COOKIE = 'connect.sid' } = process.env;
if (!SECRET || !STORE) throw new Error('SECRET and STORE must be set');

const demo = (file) => path.join(__dirname, '..', '..', 'demo', file);
const product = ([id, name, kind, cents, tint]) =>
  ({ id, name, kind, cents, tint, picture: readFileSync(demo(`pictures/${id}.svg`), 'utf8') });
const PRODUCTS = [
  ['storm-coat', 'Storm coat', 'Coats', 28900, 'sand'],
  ['bowler', 'Bowler', 'Hats', 9500, 'slate'],
  ['rain-dome', 'Rain dome', 'Umbrellas', 6400, 'wine'],
  ['opera-cloak', 'Opera cloak', 'Coats', 42000, 'plum'],
  ['long-scarf', 'Long scarf', 'Scarves', 4850, 'rust'],
  ['felt-hat', 'Felt hat', 'Hats', 7990, 'moss'],
  ['mittens', 'Mittens', 'Gloves', 2900, 'sky'],
  ['pea-coat', 'Pea coat', 'Coats', 23900, 'navy'],
  ['city-stick', 'City stick', 'Umbrellas', 5200, 'slate'],
  ['bobble-hat', 'Bobble hat', 'Hats', 3400, 'rose'],
  ['day-gloves', 'Day gloves', 'Gloves', 5800, 'rust'],
  ['weekend-case', 'Weekend case', 'Bags', 16500, 'moss'],
].map(product);
const find = (id) => PRODUCTS.find((each) => each.id === id);

// The log-in page shows them, in both shops.
const ACCOUNTS = [
  { id: 'ada', name: 'Ada', password: 'analytical-engine' },
  { id: 'grace', name: 'Grace', password: 'a-moth-in-the-relay' },
  { id: 'linus', name: 'Linus', password: 'just-for-fun' },
];
const MOST = 20;
const A_MONTH = 30 * 24 * 60 * 60 * 1000;

const app = express();
app.disable('x-powered-by');
app.get('/style.css', (req, res) => res.sendFile(demo('style.css')));
app.get('/icon.svg', (req, res) => res.sendFile(demo('pictures/icon.svg')));
app.use(express.urlencoded({ extended: false }));
app.use((req, res, next) => {
  if (req.method === 'POST' && !isOurs(req)) return res.sendStatus(403);
  res.set('Content-Security-Policy', "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'");
  res.set('Cache-Control', 'private, no-cache');
  next();
});
app.use(session({
  store: stores.open(LAYOUT, STORE),
  name: COOKIE,
  secret: SECRET.split(','),
  resave: false,
  saveUninitialized: false,
  cookie: { sameSite: 'lax' },
}));

// No other site may send the shop's forms.
function isOurs(req) {
  const [site, origin] = [req.get('sec-fetch-site'), req.get('origin')];
  if (site !== undefined) return ['same-origin', 'none'].includes(site);
  return origin === undefined || origin.split('://')[1] === req.get('host');
}

// What both shops keep in a session: cart { lines: [{ product, quantity }] }, user { id }. And our own: flash, a text for our next page.
const lines = (req) => (req.session.cart?.lines ?? []).filter((line) => find(line.product));
const account = (req) => ACCOUNTS.find(({ id }) => id === req.session.user?.id);

function setQuantity(req, id, change) {
  const others = lines(req);
  const line = others.find((each) => each.product === id) ?? { product: id, quantity: 0 };
  if (!others.includes(line)) others.push(line);
  line.quantity = Math.min(MOST, change(line.quantity));
  req.session.cart = { lines: others.filter((each) => each.quantity > 0) };
}

// Saved first: left to itself, express-session sends the headers before it saves, and a browser that follows them at once
// may find the session as it was before.
async function saveAndGo(req, res, target) {
  await promisify(req.session.save).call(req.session);
  res.redirect(303, target);
}

const handled = (handler) => async (req, res) => {
  const page = await handler(req, res);
  if (page !== undefined) res.type('html').send(frame(req, page));
};

app.get('/', handled(() => list()));

app.get('/products/:id', handled((req, res) => productPage(find(req.params.id), res)));

app.post('/cart/add', handled((req, res) => {
  const item = find(req.body.product);
  if (!item) return void res.sendStatus(404);
  setQuantity(req, item.id, (quantity) => quantity + Math.max(0, Math.trunc(Number(req.body.quantity)) || 0));
  req.session.flash = `${item.name} is in your cart.`;
  return saveAndGo(req, res, `/products/${item.id}`);
}));

app.post('/cart/change', handled((req, res) => {
  const changes = { more: (quantity) => quantity + 1, less: (quantity) => quantity - 1, remove: () => 0 };
  const isThere = lines(req).some((line) => line.product === req.body.product);
  if (isThere && Object.hasOwn(changes, req.body.change)) setQuantity(req, req.body.product, changes[req.body.change]);
  return saveAndGo(req, res, '/cart');
}));

app.get('/cart', handled((req) => cartPage(lines(req), account(req))));

app.get('/log-in', handled((req) => logInPage(local(req.query.next), false)));

app.post('/log-in', handled(async (req, res) => {
  const { name = '', password, remember, next } = req.body;
  const found = ACCOUNTS.find((each) => each.id === name.trim().toLowerCase() && each.password === password);
  if (!found) {
    res.status(422);
    return logInPage(local(next), true);
  }
  const { cart } = req.session;
  await promisify(req.session.regenerate).call(req.session);
  Object.assign(req.session, { user: { id: found.id }, flash: `Welcome, ${found.name}.`, ...(cart && { cart }) });
  if (remember) req.session.cookie.maxAge = A_MONTH;
  return saveAndGo(req, res, local(next));
}));

app.post('/log-out', handled(async (req, res) => {
  if (!account(req)) return void res.redirect(303, '/');
  await promisify(req.session.regenerate).call(req.session);
  req.session.flash = 'You are logged out. See you soon.';
  return saveAndGo(req, res, '/');
}));

app.get('/account', handled((req, res) => accountPage(account(req), res)));

// Only a path of this shop.
const local = (next) => (typeof next === 'string' && /^\/(?![/\\])[!-[\]-~]*$/.test(next) ? next : '/');

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const html = (text) => String(text).replace(/[&<>"']/g, (sign) => escapes[sign]);
const price = (cents) => `€${(cents / 100).toFixed(2)}`;
const picture = ({ tint, picture }, tag = 'span') => `<${tag} class="picture ${tint}">${picture}</${tag}>`;

function frame(req, { title, content }) {
  const { flash } = req.session;
  // Shown once. Without a message the session stays untouched.
  if (flash !== undefined) delete req.session.flash;
  const inCart = lines(req).reduce((sum, line) => sum + line.quantity, 0);
  const name = account(req)?.name;
  return `<!doctype html>
<html lang="en" data-theme="system">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${html(title)} · The Cloakroom Shop, in Express</title>
<link rel="stylesheet" href="/style.css">
<link rel="icon" href="/icon.svg" type="image/svg+xml">
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header class="top"><div class="wide">
<a class="brand" href="/"><span>Cloakroom <span class="the-shop">the shop, in Express</span></span></a>
<nav aria-label="Shop"><ul>
<li>${name ? `<a href="/account"><span class="visually-hidden">Your account, </span>${html(name)}</a>` : `<a href="/log-in?next=${encodeURIComponent(req.path)}">Log in</a>`}</li>
<li><a class="to-cart" href="/cart">Cart <span class="count${inCart ? '' : ' none'}">${inCart}</span></a></li>
</ul></nav>
</div></header>
<main id="content" tabindex="-1">
${flash === undefined ? '' : `<div class="wide"><p class="flash" role="status">${html(flash)}</p></div>`}
${content}
</main>
<footer class="bottom"><div class="wide">
<p>This is the twin of Cloakroom’s demo. One login and one cart, in Express and in Rust.</p>
</div></footer>
</body>
</html>
`;
}

const list = () => ({
  title: 'Coats, hats and umbrellas',
  content: `<section class="wide" aria-labelledby="goods"><h1 id="goods">On the rail today</h1><ul class="cards">
${PRODUCTS.map((each) => `<li class="card"><a href="/products/${each.id}">${picture(each)}<h3>${html(each.name)}</h3>
<span class="kind">${each.kind}</span>
<span class="price">${price(each.cents)}</span></a></li>`).join('\n')}
</ul></section>`,
});

function productPage(item, res) {
  if (!item) return void res.sendStatus(404);
  return {
    title: item.name,
    content: `<article class="wide product">${picture(item, 'div')}<div class="about">
<p class="kind">${item.kind}</p><h1>${html(item.name)}</h1><p class="price">${price(item.cents)}</p>
<form method="post" action="/cart/add"><input type="hidden" name="product" value="${item.id}">
<label for="quantity">How many</label>
<div class="row"><input id="quantity" name="quantity" type="number" min="1" max="${MOST}" value="1" required>
<button class="main">Add to cart</button></div></form>
<p><a href="/">Back to the rail</a></p></div></article>`,
  };
}

function cartPage(inCart, member) {
  if (inCart.length === 0) {
    return { title: 'Your cart', content: `<div class="wide"><h1>Your cart</h1><div class="empty">
<p>Nothing hangs here yet.</p><p><a class="main" href="/">To the rail</a></p></div></div>` };
  }
  const row = ({ product, quantity }) => {
    const item = find(product);
    const button = (change, label, sign) => `<button name="change" value="${change}" aria-label="${label}">${sign}</button>`;
    return `<li id="${item.id}">${picture(item)}
<div class="what"><h2><a href="/products/${item.id}">${html(item.name)}</a></h2><p class="each">${price(item.cents)} each</p></div>
<p class="price">${price(item.cents * quantity)}</p>
<form method="post" action="/cart/change"><input type="hidden" name="product" value="${item.id}">
<span class="stepper">${button('less', 'One less', '−')}<span>${quantity}</span>${button('more', 'One more', '+')}</span>
<button class="plain" name="change" value="remove">Remove</button></form></li>`;
  };
  const total = inCart.reduce((sum, { product, quantity }) => sum + find(product).cents * quantity, 0);
  const note = member ? 'Orders are taken by the other shop.' : 'Your cart stays as it is when you log in.';
  return { title: 'Your cart', content: `<div class="wide"><h1>Your cart</h1><div class="beside">
<ul class="lines">${inCart.map(row).join('\n')}</ul>
<section class="sum" aria-labelledby="sum"><h2 id="sum">Total</h2><p class="price">${price(total)}</p><p class="note">${note}</p></section>
</div></div>` };
}

function logInPage(next, failed) {
  const sample = ({ id, password }) => `<tr><td><code>${id}</code></td><td><code>${password}</code></td></tr>`;
  return { title: 'Log in', content: `<div class="narrow"><h1>Log in</h1>
<form class="panel" method="post" action="/log-in">
${failed ? '<p class="wrong" role="alert">Name and password don’t belong together. Please try again.</p>' : ''}
<input type="hidden" name="next" value="${html(next)}">
<label for="name">Name</label><input id="name" name="name" autocomplete="username" autocapitalize="none" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<label class="check"><input type="checkbox" name="remember"> Remember me on this device</label>
<button class="main">Log in</button></form>
<section class="samples" aria-labelledby="samples"><h2 id="samples">Try it as</h2>
<table><thead><tr><th scope="col">Name</th><th scope="col">Password</th></tr></thead>
<tbody>${ACCOUNTS.map(sample).join('')}</tbody></table></section></div>` };
}

function accountPage(member, res) {
  if (!member) return void res.redirect(303, '/log-in?next=/account');
  return { title: 'Your account', content: `<div class="middle"><div class="heading"><h1>Hello, ${html(member.name)}</h1>
<form method="post" action="/log-out"><button>Log out</button></form></div>
<p class="lead">Where you are logged in, the other shop tells you.</p></div>` };
}

const server = app.listen(Number(PORT), '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(`The shop in Express is open: http://127.0.0.1:${server.address().port} (sessions in ${LAYOUT})`);
});
