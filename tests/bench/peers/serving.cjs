// What the peers in JavaScript share: the same as serving.py.
const fs = require('fs');
const readline = require('readline');

const [path, width, height] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];

exports.node = process.env.PEER_MODULES;

// look(tensor) -> number of faces; tensorOf(bytes, [height, width, 3]) makes what the library takes, and is counted.
exports.serve = async (load) => {
  const answer = process.stdout.write.bind(process.stdout);
  console.log = console.error;
  const look = await load();
  const file = fs.openSync(path, 'r');
  const size = width * height * 3;
  const bytes = Buffer.alloc(size);
  let at = 0;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const told = { cpu_ms: [], wall_ms: [], found: 0 };
    for (let count = 0; count < Number(line); count += 1) {
      if (fs.readSync(file, bytes, 0, size, at) < size) fs.readSync(file, bytes, 0, size, (at = 0));
      at += size;
      const [cpu, wall] = [process.cpuUsage(), performance.now()];
      told.found += await look(bytes, [height, width, 3]);
      const used = process.cpuUsage(cpu);
      told.wall_ms.push(performance.now() - wall);
      told.cpu_ms.push((used.user + used.system) / 1000);
    }
    told.rss_mb = process.memoryUsage().rss / 2 ** 20;
    answer(`${JSON.stringify(told)}\n`);
  }
};
