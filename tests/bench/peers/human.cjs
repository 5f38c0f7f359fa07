// @vladmandic/human: its face detector and its emotion network, on WebAssembly, on every frame.
const fs = require('fs');
const { serve, node } = require('./serving.cjs');

serve(async () => {
  const wasm = require(`${node}/@tensorflow/tfjs-backend-wasm`);
  wasm.setThreadsCount(1);
  // In Node it fetches its models by address only.
  globalThis.fetch = async (address) => new Response(fs.readFileSync(new URL(address)));
  const { Human } = require(`${node}/@vladmandic/human/dist/human.node-wasm.js`);
  const off = { enabled: false };
  const human = new Human({
    backend: 'wasm',
    wasmPath: `${node}/@tensorflow/tfjs-backend-wasm/dist/`,
    modelBasePath: `file://${node}/@vladmandic/human/models/`,
    cacheSensitivity: 0,
    filter: off, body: off, hand: off, object: off, gesture: off, segmentation: off,
    face: {
      enabled: true, detector: { rotation: false }, mesh: off, iris: off, description: off, antispoof: off, liveness: off,
      emotion: { enabled: true },
    },
  });
  await human.init();
  await human.load();
  return async (bytes, shape) => {
    const tensor = human.tf.tensor(bytes, shape, 'int32');
    const result = await human.detect(tensor);
    human.tf.dispose(tensor);
    if (result.error) throw new Error(result.error);
    return result.face.filter((face) => face.emotion && face.emotion.length).length;
  };
});
