// An HTTP server and its client in one process, a worker, hot loops for the compiler, and reads that are counted.
const fs = require('fs');
const http = require('http');
const { Worker, isMainThread, parentPort, threadId } = require('worker_threads');

const reads = 400;
function read() {
  const file = fs.openSync(__filename, 'r');
  const text = Buffer.alloc(37);
  let sum = 0;
  for (let i = 0; i < reads; i++) {
    if (fs.readSync(file, text, 0, 37, i % 50) !== 37) throw new Error('short read');
    for (const byte of text) sum = (sum * 31 + byte) | 0;
  }
  fs.closeSync(file);
  return sum;
}

if (!isMainThread) {
  parentPort.postMessage(read());
} else {
  const body = 'x'.repeat(20000);
  const server = http.createServer((request, response) => {
    if (request.url === '/file') fs.createReadStream(__filename).pipe(response);
    else response.end(body);
  });
  const get = (port, path) => new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port, path }, (response) => {
      let length = 0;
      response.on('data', (part) => { length += part.length; });
      response.on('end', () => resolve(length));
    }).on('error', reject);
  });
  server.listen(0, '127.0.0.1', async () => {
    const worker = new Promise((resolve) => new Worker(__filename).on('message', resolve));
    const own = read();
    let total = 0;
    for (let i = 0; i < 10; i++) {
      const lengths = await Promise.all([...Array(8)].map((_, k) => get(server.address().port, k % 2 ? '/file' : '/')));
      total += lengths.reduce((a, b) => a + b);
    }
    const other = await worker;
    server.close();
    fs.appendFileSync(process.env.REPORT || '/dev/null', `* pread64/2=37 ${2 * reads} ${2 * reads}\n`);
    console.log('bytes', total - 40 * fs.statSync(__filename).size, own === other);
  });
}
