// An HTTP server and ten requests to it, a file written and read, a worker thread, a child process.
const http = require('http');
const fs = require('fs');
const { Worker } = require('worker_threads');
const { execFileSync } = require('child_process');

fs.writeFileSync('data.json', JSON.stringify({ name: 'lacuna' }));
const server = http.createServer((request, response) => {
  fs.readFile('data.json', 'utf8', (error, text) => response.end(text + request.url));
});
server.listen(0, '127.0.0.1', async () => {
  const port = server.address().port;
  let answers = 0;
  for (let i = 0; i < 10; i++) {
    await new Promise((resolve) => {
      http.get({ port, host: '127.0.0.1', path: `/${i}` }, (response) => {
        response.on('data', () => {});
        response.on('end', () => { answers++; resolve(); });
      });
    });
  }
  if (answers === 10) console.log('ten answers');
  server.close();
  console.log('child', execFileSync('/bin/echo', ['hi']).toString().trim());
  const worker = new Worker(
    'let s = 0; for (let i = 1; i <= 100; i++) s += i; require("worker_threads").parentPort.postMessage(s);',
    { eval: true });
  worker.on('message', (sum) => console.log('worker', sum));
});
