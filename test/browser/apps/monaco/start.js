// The editor with a TypeScript file, whose errors a web worker finds, and a Python file, whose colours a lazy chunk brings.
require.config({ paths: { vs: 'vs' } });
addEventListener('DOMContentLoaded', () => {
  require(['vs/editor/editor.main'], (monaco) => {
    const element = document.getElementById('editor');
    const model = monaco.editor.createModel('const seven: number = "eight";\n', 'typescript');
    window.editor = monaco.editor.create(element, { model, minimap: { enabled: false } });
    window.showPython = () => window.editor.setModel(monaco.editor.createModel('def sail(ship):\n    return "gone"\n', 'python'));
    monaco.editor.onDidChangeMarkers(([resource]) => {
      const [marker] = monaco.editor.getModelMarkers({ resource });
      if (marker) element.dataset.marker = marker.message;
    });
  });
});
