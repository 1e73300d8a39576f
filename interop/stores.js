'use strict';
// The session stores of Express, by the name of the layout that they write.

const session = require('express-session');
const connectMongo = require('connect-mongo');
const connectMongo5 = require('connect-mongo-5');
const connectMongodbSession = require('connect-mongodb-session');
const connectPgSimple = require('connect-pg-simple');
const connectRedis = require('connect-redis');
const { MongoClient } = require('mongodb');
const pg = require('pg');
const redis = require('redis');

const COLLECTION = 'sessions';

/// What the layouts with `crypto` are encrypted with.
const SQUIRREL = 'a secret that only Express knows, of 32 bytes or more';

/// What those with `webcrypto` are encrypted with: Rust knows it, too. Few iterations, for the tests' sake.
const WEB_CRYPTO = { secret: 'both-sides-know-this-secret', iterations: 1000 };

/// Writes a session of Redis where it still is what was read, and leaves its end.
const SWAP = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1`;

/// Opens the store of a layout: connect-mongodb-session, the same with `-fields` for other names of its fields, and
/// connect-mongo with `-object` (stringify: false), `-webcrypto`, `-webcryptoobject` or `-crypto`; connect-mongo-5 is version
/// 5 of it; connect-redis, and connect-pg-simple.
exports.open = function open(layout, url, { touchAfter = 0, timestamps = false } = {}) {
  if (layout === 'connect-redis') {
    const { client, prefix } = connectToRedis(url);
    return new connectRedis.RedisStore({ client, prefix });
  }
  if (layout === 'connect-pg-simple') {
    const { conString, schema } = postgres(url);
    const Store = connectPgSimple(session);
    return new Store({ conString, schemaName: schema, createTableIfMissing: true });
  }
  const [, family, variant] = /^(connect-mongodb-session|connect-mongo(?:-5)?)(?:-(\w+))?$/.exec(layout) ?? [];
  const mongo = { mongoUrl: url, collectionName: COLLECTION, touchAfter };
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
    return new Store({ uri: url, collection: COLLECTION, ...fields[variant] }, () => {});
  }
  throw new Error(`there is no layout ${layout}`);
};

/// The same sessions without a store, as they stand there: `read` gives one of them, `swap` writes it where it still is what
/// was read, and tells whether it was.
exports.bare = function bare(layout, url) {
  const text = { parse: JSON.parse, stringify: JSON.stringify };
  if (layout === 'connect-redis') {
    const { client, prefix } = connectToRedis(url);
    return {
      ...text,
      read: (id) => client.get(prefix + id),
      swap: async (id, before, after) =>
        (await client.eval(SWAP, { keys: [prefix + id], arguments: [before, after] })) === 1,
    };
  }
  if (layout === 'connect-pg-simple') {
    const { conString, schema } = postgres(url);
    const pool = new pg.Pool({ connectionString: conString });
    const table = `"${schema}"."session"`;
    return {
      ...text,
      read: async (id) => (await pool.query(`SELECT sess::text FROM ${table} WHERE sid = $1`, [id])).rows[0]?.sess,
      swap: async (id, before, after) => {
        const swap = `UPDATE ${table} SET sess = $3::json WHERE sid = $1 AND sess::text = $2`;
        return (await pool.query(swap, [id, before, after])).rowCount === 1;
      },
    };
  }
  const idField = layout === 'connect-mongodb-session-fields' ? 'sid' : '_id';
  const isText = layout === 'connect-mongo' || layout === 'connect-mongo-5';
  const collection = new MongoClient(url).db().collection(COLLECTION);
  return {
    ...(isText ? text : { parse: (value) => ({ ...value }), stringify: (value) => value }),
    read: async (id) => (await collection.findOne({ [idField]: id }))?.session,
    swap: async (id, before, after) =>
      (await collection.updateOne({ [idField]: id, session: before }, { $set: { session: after } })).matchedCount === 1,
  };
};

/// `?prefix=` is what the keys begin with; connect-redis is told it, and not the client.
function connectToRedis(url) {
  const at = new URL(url);
  const prefix = at.searchParams.get('prefix') ?? 'sess:';
  at.searchParams.delete('prefix');
  const client = redis.createClient({ url: at.href });
  client.on('error', (error) => console.error(error));
  // What is asked before it is connected waits for it.
  client.connect().catch((error) => console.error(error));
  return { client, prefix };
}

/// `?schema=` is the schema of the table; connect-pg-simple is told it, and not the driver.
function postgres(url) {
  const at = new URL(url);
  const schema = at.searchParams.get('schema') ?? 'public';
  at.searchParams.delete('schema');
  return { conString: at.href, schema };
}
