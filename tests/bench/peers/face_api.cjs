// @vladmandic/face-api: its tiny face detector and its expression network, on WebAssembly.
const { serve, node } = require('./serving.cjs');

serve(async () => {
  const tf = require(`${node}/@tensorflow/tfjs`);
  const wasm = require(`${node}/@tensorflow/tfjs-backend-wasm`);
  wasm.setThreadsCount(1);
  wasm.setWasmPaths(`${node}/@tensorflow/tfjs-backend-wasm/dist/`);
  await tf.setBackend('wasm');
  await tf.ready();
  const faceapi = require(`${node}/@vladmandic/face-api/dist/face-api.node-wasm.js`);
  const models = `${node}/@vladmandic/face-api/model`;
  await faceapi.nets.tinyFaceDetector.loadFromDisk(models);
  await faceapi.nets.faceExpressionNet.loadFromDisk(models);
  const options = new faceapi.TinyFaceDetectorOptions({ inputSize: 416, scoreThreshold: 0.5 });
  return async (bytes, shape) => {
    const tensor = tf.tensor(bytes, shape, 'int32');
    const found = await faceapi.detectAllFaces(tensor, options).withFaceExpressions();
    tf.dispose(tensor);
    return found.length;
  };
});
