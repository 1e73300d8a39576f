'use strict';
// The session stores of Express, by the name of the layout that they write.

const session = require('express-session');
const connectMongo = require('connect-mongo');
const connectMongo5 = require('connect-mongo-5');
const connectMongodbSession = require('connect-mongodb-session');

const COLLECTION = 'sessions';

/// What the layouts with `crypto` are encrypted with.
const SQUIRREL = 'a secret that only Express knows, of 32 bytes or more';

/// What those with `webcrypto` are encrypted with: Rust knows it, too. Few iterations, for the tests' sake.
const WEB_CRYPTO = { secret: 'both-sides-know-this-secret', iterations: 1000 };

/// Opens the store of a layout: connect-mongodb-session, the same with `-fields` for other names of its fields, and
/// connect-mongo with `-object` (stringify: false), `-webcrypto`, `-webcryptoobject` or `-crypto`; connect-mongo-5 is version
/// 5 of it.
exports.open = function open(layout, uri, { touchAfter = 0, timestamps = false } = {}) {
  const [, family, variant] = /^(connect-mongodb-session|connect-mongo(?:-5)?)(?:-(\w+))?$/.exec(layout) ?? [];
  const mongo = { mongoUrl: uri, collectionName: COLLECTION, touchAfter };
  const kinds = { undefined: {}, object: { stringify: false }, crypto: { crypto: { secret: SQUIRREL } } };
  if (family === 'connect-mongo' && variant?.startsWith('webcrypto')) {
    const cryptoAdapter = connectMongo.createWebCryptoAdapter(WEB_CRYPTO);
    return connectMongo.MongoStore.create({ ...mongo, cryptoAdapter, stringify: variant === 'webcrypto', timestamps });
  }
  if (family === 'connect-mongo' && variant in kinds) {
    return connectMongo.MongoStore.create({ ...mongo, ...kinds[variant], timestamps });
  }
  if (family === 'connect-mongo-5' && variant in kinds) {
    return connectMongo5.create({ ...mongo, ...kinds[variant] });
  }
  const fields = { undefined: {}, fields: { idField: 'sid', expiresKey: '_ts' } };
  if (family === 'connect-mongodb-session' && variant in fields) {
    const Store = connectMongodbSession(session);
    return new Store({ uri, collection: COLLECTION, ...fields[variant] }, () => {});
  }
  throw new Error(`there is no layout ${layout}`);
};

/// The same collection without a store: its documents as they are.
exports.documents = function documents(layout, client) {
  const idField = layout === 'connect-mongodb-session-fields' ? 'sid' : '_id';
  const isText = layout === 'connect-mongo' || layout === 'connect-mongo-5';
  return {
    idField,
    collection: client.db().collection(COLLECTION),
    read: isText ? JSON.parse : (value) => ({ ...value }),
    write: isText ? JSON.stringify : (value) => value,
  };
};
