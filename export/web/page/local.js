if (location.protocol === "file:")
  document.getElementById("status").textContent =
    "Browsers do not load a model from a file. Serve this folder, for example with " +
    "'keras-attention demo FOLDER' or 'python -m http.server', and open the address that it prints.";
