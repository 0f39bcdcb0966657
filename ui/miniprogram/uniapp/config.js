// What a shop changes: where its server is, and what it sells. Ids and prices must be those of `guitai catalog list`;
// the server takes its own price and refuses another one.
export default {
  api: 'http://127.0.0.1:8787',
  packages: [
    { id: 'data-10g', type: 'data', name: '流量包 10 GB', price: '12.00' },
    { id: 'data-30g', type: 'data', name: '流量包 30 GB', price: '29.90' },
  ],
  // milliseconds between two questions of the result page; after the last it is up to the user
  gaps: [500, 1000, 1500, 2000, 3000, 5000],
}
