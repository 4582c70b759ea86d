"""Logs as the tools print and save them, and what stands in them."""

KERAS_2 = (  # Keras 2.2, verbose=1, with the updates of a bar that was overwritten and two lines cut by a narrow window
    "Train on 25000 samples, validate on 25000 samples\nEpoch 1/2\n"
    "  128/25000 [..............................] - ETA: 1:12 - loss: 0.6934 - acc: 0.4922\b\b\b\b\r"
    "  256/25000 [..............................] - ETA: 50s - loss: 0.6930 - acc: 0.5117\n"
    "25000/25000 [==============================] - 4s 165us/step - loss: 0.5012 - acc: 0.7511 - val_loss: 0.4210"
    " - val_acc: 0.8102\nEpoch 2/2\n"
    "25000/25000 [==============================] - 3s 120us/step - loss: 0.3100 - acc: 0.87\n20 - val_\nloss: 0.3901"
    " - val_acc: 0.8301\n"
)
KERAS_3 = (  # Keras 3.15, verbose=1, with the colours of a terminal
    "Epoch 1/3\n\x1b[1m 1/63\x1b[0m \x1b[37m━━━━━━━━━━━━━━━━━━━━\x1b[0m \x1b[1m41s\x1b[0m 669ms/step - accuracy:"
    " 0.0938 - loss: 2.4312\b\b\b\b\r\x1b[1m63/63\x1b[0m \x1b[32m━━━━━━━━━━━━━━━━━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m1s"
    "\x1b[0m 5ms/step - accuracy: 0.4120 - loss: 1.7310 - val_accuracy: 0.7100 - val_loss: 1.0200"
    " - learning_rate: 1.0000e-04\n"
    "Epoch 2/3\n[1m63/63[0m [32m━━━━━━━━━━━━━━━━━━━━[0m[37m[0m [1m0s[0m 2ms/step - accuracy: 0.8000 - loss: nan"
    " - val_accuracy: 0.7100 - val_loss: inf\n"
    "Epoch 3/3\n63/63 - 0s - 2ms/step - accuracy: 0.8100 - loss: 1.0000e-04 - val_accuracy: 0.7200 - val_loss: 1.0000\n"
)
QUICKSTART = (  # PyTorch's tutorial "Quickstart"
    "Epoch 1\n-------------------------------\nloss: 2.5  [   64/60000]\nloss: 2.0  [ 6464/60000]\n"
    "Test Error: \n Accuracy: 50.1%, Avg loss: 2.150000 \n\n"
    "Epoch 2\n-------------------------------\nloss: 2.0  [   64/60000]\nloss: 1.5  [ 6464/60000]\n"
    "Test Error: \n Accuracy: 60.1%, Avg loss: 1.850000 \n\nDone!\n"
)
MNIST = (  # PyTorch's example "mnist"
    "Train Epoch: 1 [0/60000 (0%)]\tLoss: 2.250000\nTrain Epoch: 1 [640/60000 (1%)]\tLoss: 1.250000\n\n"
    "Test set: Average loss: 0.0512, Accuracy: 9832/10000 (98%)\n\n"
    "Train Epoch: 2 [0/60000 (0%)]\tLoss: 0.300000\n\nTest set: Average loss: 0.0412, Accuracy: 9882/10000 (99%)\n"
)
TRANSFER = (  # PyTorch's tutorial "Transfer learning"
    "Epoch 0/24\n----------\ntrain Loss: 0.5703 Acc: 0.7049\nval Loss: 0.2102 Acc: 0.9346\n\n"
    "Epoch 1/24\n----------\ntrain Loss: 0.4703 Acc: 0.8000\nval Loss: 0.3102 Acc: 0.9000\n\n"
    "Training complete in 1m 7s\nBest val Acc: 0.934641\n"
)
FASTAI = (  # fastai 2
    "epoch     train_loss  valid_loss  accuracy  time    \n"
    "0         0.523911    0.331204    0.851000  00:12     \n1         0.423911    0.301204    0.881000  00:12     \n"
)
HUGGING_FACE = (  # transformers 4: what Trainer prints, with tqdm's bar in one line
    "{'loss': 0.9, 'grad_norm': 3.1, 'learning_rate': 1e-05, 'epoch': 0.5}\n"
    " 33%|███▎      | 500/1500 [01:02<02:04, 8.05it/s]{'loss': 0.7, 'learning_rate': 1e-05, 'epoch': 1.0}\n"
    "{'eval_loss': 0.6, 'eval_accuracy': 0.8, 'eval_runtime': 2.1, 'eval_samples_per_second': 99.1, 'epoch': 1.0}\n"
    "{'loss': 0.5, 'learning_rate': 5e-06, 'epoch': 2.0}\n{'eval_loss': 0.55, 'eval_accuracy': 0.82, 'epoch': 2.0}\n"
    "{'train_runtime': 12.0, 'train_steps_per_second': 5.1, 'train_loss': 0.61, 'epoch': 2.0}\n"
)
LIGHTNING = (  # Lightning 2, metrics.csv
    "epoch,step,train_loss,val_acc,val_loss\n0,49,1.75,,\n0,99,1.25,,\n0,99,,0.6,1.4\n1,149,1.2,,\n1,199,,0.7,1.1\n"
)
NO = None  # not in the log
# name: (text, loss, val_loss, accuracy, val_accuracy)
LOGS = {
    "Keras 2": (KERAS_2, [0.5012, 0.31], [0.421, 0.3901], [0.7511, 0.872], [0.8102, 0.8301]),
    "Keras 3": (
        KERAS_3, [1.731, float("nan"), 1e-4], [1.02, float("inf"), 1.0], [0.412, 0.8, 0.81], [0.71, 0.71, 0.72],
    ),
    "Keras 1, verbose=2": (
        "Epoch 1/2\n0s - loss: 0.9 - acc: 0.5 - val_loss: 1.0 - val_acc: 0.4\n"
        "Epoch 2/2\n0s - loss: 0.8 - acc: 0.6 - val_loss: 0.9 - val_acc: 0.5\n",
        [0.9, 0.8], [1.0, 0.9], [0.5, 0.6], [0.4, 0.5],
    ),
    "bars without headings": (
        "9/9 [====] - 1s 2ms/step - loss: 0.9 - val_loss: 1.0\n9/9 [====] - 1s 2ms/step - loss: 0.8 - val_loss: 0.9\n",
        [0.9, 0.8], [1.0, 0.9], NO, NO,
    ),
    "evaluate after fit": (
        "Epoch 1/1\n9/9 [====] - 1s 2ms/step - loss: 0.9 - acc: 0.5\n3/3 [====] - 0s 2ms/step - loss: 2.0 - acc: 0.1\n",
        [0.9], NO, [0.5], NO,
    ),
    "fit, then fit again": (
        "Epoch 1/2\n - 2s - loss: 0.9\nEpoch 2/2\n - 2s - loss: 0.8\nEpoch 1/2\n - 2s - loss: 0.7\n"
        "Epoch 2/2\n - 2s - loss: 0.6\n",
        [0.9, 0.8, 0.7, 0.6], NO, NO, NO,
    ),
    "a checkpoint speaks": (
        "Epoch 1/2\n - 2s - loss: 0.9 - val_loss: 1.0\n"
        "\nEpoch 00001: val_loss improved from inf to 1.00000, saving model\n"
        "Epoch 2/2\n - 2s - loss: 0.8 - val_loss: 1.1\n\nEpoch 00002: val_loss did not improve from 1.00000\n",
        [0.9, 0.8], [1.0, 1.1], NO, NO,
    ),
    "a loop's lines": (
        "Epoch 1/10, Train Loss: 0.92, Val Loss: 0.81, Val Acc: 71.2%\n"
        "Epoch 2/10, Train Loss: 0.52, Val Loss: 0.61, Val Acc: 81.2%\n",
        [0.92, 0.52], [0.81, 0.61], NO, [0.712, 0.812],
    ),
    "another loop's": (
        "Epoch [1/2] | train - loss: 0,92, acc: 0,5 | valid - loss: 0,81, acc: 0,6\n"
        "Epoch [2/2] | train - loss: 0,82, acc: 0,6 | valid - loss: 0,71, acc: 0,7\n",
        [0.92, 0.82], [0.81, 0.71], [0.5, 0.6], [0.6, 0.7],
    ),
    "one test at the end": (
        "Epoch 1 loss=0.9\nEpoch 2 loss=0.8\nEpoch 3 loss=0.7\nTest loss: 0.75\n", [0.9, 0.8, 0.7], NO, NO, NO,
    ),
    "PyTorch, CIFAR": (
        "[1,  2000] loss: 2.25\n[1,  4000] loss: 1.75\n[2,  2000] loss: 1.5\n[2,  4000] loss: 1.0\nFinished Training\n"
        "Accuracy of the network on the 10000 test images: 54 %\n",
        [2.0, 1.25], NO, NO, NO,
    ),
    "PyTorch, quickstart": (QUICKSTART, [2.25, 1.75], [2.15, 1.85], NO, [0.501, 0.601]),
    "PyTorch, MNIST": (MNIST, [1.75, 0.3], [0.0512, 0.0412], NO, [0.9832, 0.9882]),
    "PyTorch, transfer": (TRANSFER, [0.5703, 0.4703], [0.2102, 0.3102], [0.7049, 0.8], [0.9346, 0.9]),
    "nanoGPT": (
        "step 0: train loss 4.2221, val loss 4.2306\niter 0: loss 4.2277, time 5.10ms, mfu -100.00%\n"
        "step 250: train loss 2.5, val loss 2.6\n",
        [4.2221, 2.5], [4.2306, 2.6], NO, NO,
    ),
    "Lightning 2, bar": (
        "Epoch 0: 100%|██████████| 469/469 [00:12<00:00, 38.20it/s, v_num=0, train_loss=0.52, val_loss=0.61]\n"
        "Epoch 1: 100%|██████████| 469/469 [00:12<00:00, 38.20it/s, v_num=0, train_loss=0.42, val_loss=0.51]\n",
        [0.52, 0.42], [0.61, 0.51], NO, NO,
    ),
    "fastai 2": (FASTAI, [0.523911, 0.423911], [0.331204, 0.301204], NO, [0.851, 0.881]),
    "transformers 4, printed": (HUGGING_FACE, [0.8, 0.5], [0.6, 0.55], NO, [0.8, 0.82]),
    "transformers 4, in a notebook": (
        "Epoch\tTraining Loss\tValidation Loss\tAccuracy\n"
        "1\tNo log\t0.52\t0.81\n2\t0.61\t0.48\t0.83\n3\t0.41\t0.47\t0.84\n",
        [0.61, 0.41], [0.48, 0.47], NO, [0.83, 0.84],
    ),
    "Lightning 2, metrics.csv": (LIGHTNING, [1.5, 1.2], [1.4, 1.1], NO, [0.6, 0.7]),
    "Keras 3, CSVLogger": (
        "epoch,accuracy,loss,val_accuracy,val_loss\n0,0.3,2.0,0.4,1.9\n1,0.5,nan,0.5,nan\n2,0.1,nan,0.1,nan\n",
        [2.0, float("nan"), float("nan")], [1.9, float("nan"), float("nan")], [0.3, 0.5, 0.1], [0.4, 0.5, 0.1],
    ),
    "CSV with ; and decimal commas": (
        "epoch;loss;val_loss\n1;0,52;0,61\n2;0,42;0,51\n", [0.52, 0.42], [0.61, 0.51], NO, NO,
    ),
    "TensorBoard, CSV": ("Wall time,Step,Value\n1700000000.1,0,0.9\n1700000001.1,1,0.7\n", [0.9, 0.7], NO, NO, NO),
    "Weights & Biases, CSV": (
        '"Step","calm-1 - loss","calm-1 - loss__MIN","calm-1 - loss__MAX","calm-1 - val_loss"\n'
        '"0","1.0","1.0","1.0","0.9"\n"1","0.7","0.7","0.7","0.8"\n',
        [1.0, 0.7], [0.9, 0.8], NO, NO,
    ),
    "R, as.data.frame": (
        "epoch,value,metric,data\n1,0.9,loss,training\n1,1.0,loss,validation\n2,0.8,loss,training\n2,0.95,loss,validation\n",
        [0.9, 0.8], [1.0, 0.95], NO, NO,
    ),
    "a phase in a column": (
        "epoch,phase,loss,acc\n1,train,0.9,50%\n1,val,0.95,40%\n2,train,0.8,60%\n2,val,0.9,50%\n",
        [0.9, 0.8], [0.95, 0.9], [0.5, 0.6], [0.4, 0.5],
    ),
    "Markdown": (
        "| epoch | loss | val_loss |\n|--|--|--|\n| 1 | 0.9 | 1.0 |\n| 2 | 0.8 | 0.95 |\n",
        [0.9, 0.8], [1.0, 0.95], NO, NO,
    ),
    "JSON": (
        '{"loss": [0.9, 0.8], "val_loss": [1.0, NaN], "acc": [50.0, 60.0]}',
        [0.9, 0.8], [1.0, float("nan")], [0.5, 0.6], NO,
    ),
    "JSON lines": (
        '{"epoch": 1, "train_loss": 0.9, "test_loss": 1.0}\n{"epoch": 2, "train_loss": 0.8, "test_loss": 0.95}\n',
        [0.9, 0.8], [1.0, 0.95], NO, NO,
    ),
    "trainer_state.json": (
        '{"best_metric": null, "log_history": [{"loss": 0.9, "learning_rate": 1e-05, "epoch": 1.0, "step": 10},'
        ' {"eval_loss": 0.8, "epoch": 1.0, "step": 10}, {"loss": 0.7, "epoch": 2.0, "step": 20},'
        ' {"eval_loss": 0.75, "epoch": 2.0, "step": 20}, {"train_runtime": 3.0, "train_loss": 0.8, "epoch": 2.0}]}',
        [0.9, 0.7], [0.8, 0.75], NO, NO,
    ),
    "a printed history": (
        "{'loss': [0.9, np.float64(0.8), nan], 'val_loss': [1.0, 0.9, nan]}",
        [0.9, 0.8, float("nan")], [1.0, 0.9, float("nan")], NO, NO,
    ),
}  # fmt: skip
